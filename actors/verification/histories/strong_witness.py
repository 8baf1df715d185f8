"""stub"""
from actors.verification.histories.report import Witness
def explain(operations, problem, model, initial, deadline):
    return Witness("unplaceable", "x")
