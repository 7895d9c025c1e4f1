"""Ways to run the networks that rebuild a face. `choose.choose_backend` picks one."""
