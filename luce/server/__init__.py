"""What every server of Luce shares."""

import os

# gRPC's own handlers around fork() may abort a child that is forked, to become another program, beside busy channels
# (seen in 2 of 60 children). We never go on in a forked child. gRPC reads this once, when it is first imported.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
