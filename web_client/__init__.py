"""Pages: Jinja2 templates and native ES modules."""
