"""The HTTP headers of every answer: what a page from here may do, and who may embed it (nobody).

Invariant: set on every response, errors included. COOP and COEP isolate the page, which threaded WebAssembly needs;
`wasm-unsafe-eval` allows WebAssembly and no JavaScript from strings; scripts and styles come from here only, and requests and
WebSockets go nowhere else (CSP 3, section 6.7.2.8: 'self' covers the WebSocket of the same host and port).
"""

from typing import Final

from aiohttp import web

CONTENT_SECURITY_POLICY: Final = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'wasm-unsafe-eval'",
        "connect-src 'self'",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS: Final = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(self), geolocation=(), display-capture=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-cache",
    "Server": "facewire",
}
STRICT_TRANSPORT_SECURITY: Final = "max-age=31536000"


async def add_security_headers(request: web.Request, response: web.StreamResponse) -> None:
    """`on_response_prepare` handler; HSTS goes out over TLS only, as RFC 6797 section 7.2 wants."""
    response.headers.update(HEADERS)
    if request.secure:
        response.headers["Strict-Transport-Security"] = STRICT_TRANSPORT_SECURITY
