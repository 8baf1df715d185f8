------------------------------ MODULE TwoPhase ------------------------------
\* Two-phase commit with a set of messages; see tlc.py. Names of variables and actions are the published ones.
CONSTANT RM
VARIABLES rmState, tmState, tmPrepared, msgs
vars == <<rmState, tmState, tmPrepared, msgs>>

Prepared(r) == [type |-> "Prepared", rm |-> r]
Order(name) == [type |-> name]

Init ==
  /\ rmState = [r \in RM |-> "working"]
  /\ tmState = "init"
  /\ tmPrepared = {}
  /\ msgs = {}

TMRcvPrepared(r) ==
  /\ tmState = "init" /\ Prepared(r) \in msgs
  /\ tmPrepared' = tmPrepared \cup {r}
  /\ UNCHANGED <<rmState, tmState, msgs>>

TMDecide(decision, order) ==
  /\ tmState = "init"
  /\ tmState' = decision
  /\ msgs' = msgs \cup {Order(order)}
  /\ UNCHANGED <<rmState, tmPrepared>>

TMCommit == tmPrepared = RM /\ TMDecide("committed", "Commit")
TMAbort == TMDecide("aborted", "Abort")

RMPrepare(r) ==
  /\ rmState[r] = "working"
  /\ rmState' = [rmState EXCEPT ![r] = "prepared"]
  /\ msgs' = msgs \cup {Prepared(r)}
  /\ UNCHANGED <<tmState, tmPrepared>>

RMBecomes(r, state) ==
  /\ rmState' = [rmState EXCEPT ![r] = state]
  /\ UNCHANGED <<tmState, tmPrepared, msgs>>

RMChooseToAbort(r) == rmState[r] = "working" /\ RMBecomes(r, "aborted")
RMRcvCommitMsg(r) == Order("Commit") \in msgs /\ RMBecomes(r, "committed")
RMRcvAbortMsg(r) == Order("Abort") \in msgs /\ RMBecomes(r, "aborted")

Next ==
  \/ TMCommit \/ TMAbort
  \/ \E r \in RM :
       TMRcvPrepared(r) \/ RMPrepare(r) \/ RMChooseToAbort(r) \/ RMRcvCommitMsg(r) \/ RMRcvAbortMsg(r)

Spec == Init /\ [][Next]_vars

TypeOK ==
  /\ rmState \in [RM -> {"working", "prepared", "committed", "aborted"}]
  /\ tmState \in {"init", "committed", "aborted"}
  /\ tmPrepared \subseteq RM
  /\ msgs \subseteq {Prepared(r) : r \in RM} \cup {Order("Commit"), Order("Abort")}

Consistent == \A a, b \in RM : ~ (rmState[a] = "aborted" /\ rmState[b] = "committed")
=============================================================================
