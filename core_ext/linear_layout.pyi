from core_ext.linear_problem import Problem

class Layout:
    def __init__(self, problem: Problem) -> None: ...
