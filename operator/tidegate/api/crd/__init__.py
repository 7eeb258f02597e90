"""From the models to the CustomResourceDefinitions."""
