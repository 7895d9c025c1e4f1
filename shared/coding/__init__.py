"""Integer-exact source coding of motion, shapes and masks: quantiser, tables, range coder."""
