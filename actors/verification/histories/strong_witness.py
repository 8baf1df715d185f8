"""stub"""
from actors.verification.histories.report import Witness
def explain(operations, problem, search, model, initial, deadline):
    op = operations[search.stuck()]
    return Witness("unplaceable", op.describe(), (op,))
