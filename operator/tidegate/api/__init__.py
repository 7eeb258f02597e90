"""What users write and read: the objects of `tidegate.dev/v1alpha1` as models. No behaviour beyond parsing and checking."""
