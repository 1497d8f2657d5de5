"""Git LFS with its objects in an S3 bucket: git-lfs starts our transfer agent, and no server is needed."""
