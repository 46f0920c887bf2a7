"""The sections of ``switchover.yaml``, by what they are about; a field's description is its documentation."""
