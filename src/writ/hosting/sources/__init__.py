"""Where a release comes from: git, an upload, a download; all end as one clean tar."""
