# Everything here is for other native modules.
