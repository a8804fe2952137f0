"""One small module for each way of writing spans, named by who writes so, and what several of them share."""
