"""From a recipe to a run: the plan, what each step does, and how it is shown."""
