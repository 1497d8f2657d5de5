"""Stores of packs, models and runs by the hash of their content: a folder, or a bucket.

    STORE/objects/5f/5f70bf18…      a piece of a file, 8 MiB or less, named by its SHA-256
    STORE/manifests/9f/9f86d081…    one pushed thing: its files and their pieces, named by its own SHA-256

A thing's address is STORE/9f86d081…: whoever has it can check every byte. The manifest is written last, so an address
never names half of a thing; pieces that are there already are not sent again.
"""
