"""Stands for the package of the XGBoost image that inference scripts import their decoders from."""
