"""Where pictures and voice come from: a file, a camera, a WebRTC publisher, or a drawn test pattern."""
