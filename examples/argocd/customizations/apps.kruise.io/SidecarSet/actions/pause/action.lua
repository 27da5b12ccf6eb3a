-- No more Pods are updated until resume. New Pods get the sidecars as before.
obj.spec.updateStrategy = obj.spec.updateStrategy or {}
obj.spec.updateStrategy.paused = true
return obj
