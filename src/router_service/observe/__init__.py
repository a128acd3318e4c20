"""What the service shows of itself: traces, metrics, the access log and the process' own messages.

Every module here is fed by the records of router_service.types and knows nothing of serving.
"""
