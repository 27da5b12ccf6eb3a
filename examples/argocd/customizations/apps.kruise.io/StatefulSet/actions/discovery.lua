local rolling = (obj.spec.updateStrategy or {}).rollingUpdate or {}
local paused = rolling.paused == true

return {
  pause = { disabled = paused, iconClass = "fa fa-fw fa-pause-circle" },
  resume = { disabled = not paused, iconClass = "fa fa-fw fa-play-circle" },
  restart = { iconClass = "fa fa-fw fa-redo" },
}
