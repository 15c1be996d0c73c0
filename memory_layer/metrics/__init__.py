"""What operators see of the service as a whole, in the text that Prometheus reads (docs/metrics.md).

`requests`, `tasks` and `pool` count in each process; `state` is read from the servers when somebody asks; `exposition`
puts together what the processes of one part counted, and says it.
"""
