"""Imports: from what people have to a pack. One kind of source a file; each lists recordings, none decodes them."""
