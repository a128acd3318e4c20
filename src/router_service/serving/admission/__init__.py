"""Which requests run now, which wait and which are refused. Every bound of the router's own stands
here: slots and queues by face and by caller, and the bytes of bodies it holds."""

from router_service.serving.admission.bodies import Bodies
from router_service.serving.admission.bounds import Bounds, Most
from router_service.serving.admission.lane import Lane
from router_service.serving.admission.lanes import Admission
from router_service.serving.admission.place import RETRY_AFTER_S, Place

__all__ = ["RETRY_AFTER_S", "Admission", "Bodies", "Bounds", "Lane", "Most", "Place"]
