"""The arrows of docs/ARCHITECTURE.md section 2: who may import whom, read from the source of every module."""

import ast
import functools
import subprocess
import sys
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
OURS = ("shared", "sender", "receiver", "signaling", "models", "experiments")
TORCH = {"torch", "torchvision", "torchaudio", "pytorch_msssim"}
ASYNC_IO = {"asyncio", "socket", "selectors", "ssl", "threading", "time", "aiohttp", "aiortc", "aioice"}


@dataclass(frozen=True)
class Rule:
    """For the modules under `folder`, minus `but`: what of ours they may import, and what of others."""

    folder: str
    ours: tuple[str, ...]
    others: frozenset[str] | None = None
    """The only packages from outside the standard library; None: any, `never` excepted."""
    never: frozenset[str] = frozenset()
    but: tuple[str, ...] = ()


RULES = (
    Rule(
        "shared",
        ours=("shared",),
        others=frozenset({"numpy", "msgpack", "safetensors"}),
        never=frozenset(ASYNC_IO) | {"shared.transport"},
        but=("shared/transport", "shared/opus.py", "shared/keyframe_image.py"),
    ),
    Rule(
        "shared/transport",
        ours=("shared",),
        others=frozenset({"OpenSSL", "aiohttp", "aioice", "aiortc", "cryptography", "numpy"}),
    ),
    Rule("shared/opus.py", ours=("shared",), others=frozenset({"numpy"})),
    Rule("shared/keyframe_image.py", ours=("shared",), others=frozenset({"numpy", "av"})),
    Rule("models/weights", ours=("models.weights", "shared.errors"), others=frozenset()),
    Rule(
        "models",
        ours=("shared", "models"),
        but=("models/weights", "models/runtime", "models/training/cache", "models/evaluation"),
    ),
    Rule(
        "models/runtime",
        ours=("shared", "models.weights", "models.runtime"),
        never=frozenset(TORCH),
        but=("models/runtime/torch_backend.py",),
    ),
    Rule("models/runtime/torch_backend.py", ours=("shared", "models")),
    Rule("sender", ours=("shared", "sender", "models.weights", "models.runtime"), never=frozenset(TORCH)),
    Rule("receiver", ours=("shared", "receiver", "models.weights", "models.runtime"), never=frozenset(TORCH)),
    Rule(
        "signaling",
        ours=("shared", "signaling"),
        others=frozenset({"aiohttp", "jwt", "redis", "prometheus_client"}),
        never=frozenset({"shared.transport"}),
    ),
)


@functools.cache
def _modules() -> tuple[str, ...]:
    return tuple(
        str(path.relative_to(ROOT)) for folder in OURS for path in sorted((ROOT / folder).rglob("*.py"))
    )


@functools.cache
def _imports(module: str) -> frozenset[str]:
    """Dotted names that a module imports, at its top, inside functions and for the type checker alike."""
    package = module.removesuffix(".py").split("/")[:-1]
    found: set[str] = set()
    for node in ast.walk(ast.parse((ROOT / module).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            source = ".".join([*base, *([node.module] if node.module else [])])
            found |= {f"{source}.{alias.name}" for alias in node.names}
    return frozenset(found)


def _inside(name: str, packages: Collection[str], separator: str = ".") -> bool:
    return any(name == package or name.startswith(package + separator) for package in packages)


def _covered(rule: Rule, module: str) -> bool:
    but = tuple(part for name in rule.but for part in (name, f"{name}.py"))
    return _inside(module, (rule.folder,), "/") and not _inside(module, but, "/")


def _allowed(rule: Rule, name: str) -> bool:
    top = name.split(".")[0]
    if _inside(name, rule.never):
        return False
    if top in OURS:
        return _inside(name, rule.ours)
    return rule.others is None or top in rule.others or top in sys.stdlib_module_names


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.folder)
def test_a_folder_imports_only_what_the_architecture_allows(rule: Rule) -> None:
    modules = [module for module in _modules() if _covered(rule, module)]
    wrong = [
        f"{m} imports {name}" for m in modules for name in sorted(_imports(m)) if not _allowed(rule, name)
    ]
    assert wrong == []


def test_every_module_but_the_experiments_is_covered_by_a_rule() -> None:
    exempt = ("experiments", "models/training/cache", "models/training/cache.py", "models/evaluation")
    free = [
        m for m in _modules() if not any(_covered(rule, m) for rule in RULES) and not _inside(m, exempt, "/")
    ]
    assert free == []


def test_every_folder_is_a_package() -> None:
    folders = {str(Path(module).parent) for module in _modules()}
    assert [folder for folder in sorted(folders) if not (ROOT / folder / "__init__.py").is_file()] == []


def test_signaling_starts_without_any_codec() -> None:
    """What static reading cannot see: a package that comes in through another one."""
    heavy = "{'numpy', 'torch', 'av', 'cv2', 'aiortc', 'onnxruntime', 'openvino'}"
    code = f"import sys, signaling.__main__, signaling.server; print(sorted({heavy} & set(sys.modules)))"
    assert subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, text=True).strip() == "[]"
