"""Small tools that know nothing of clusters. Modules that need Twisted say so."""
