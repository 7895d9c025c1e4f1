"""Where pictures and voice come from: a video file, a camera, or a drawn test pattern."""
