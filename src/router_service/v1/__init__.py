"""Classes generated from proto/router_service/v1 by `make proto`; never edited by hand.
Inside the service only faces/grpc imports them."""
