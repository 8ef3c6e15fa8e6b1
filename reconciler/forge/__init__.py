"""Where the access repository is hosted: pull requests, reviews, comments. Decides nothing."""
