package statefulset

func (r *reconciler) record(*Snapshot, *Plan, *Outcome) {}
