"""How pictures and voices are measured, torch-free: the evaluation of the models and the experiments both use
it.

`picture` (PSNR, SSIM, MS-SSIM, sharpness, flicker), `vgg` (the perceptual measure), `face` (mesh distances),
`voice` (PESQ, STOI) and `clip`, which puts them together for one clip.
"""
