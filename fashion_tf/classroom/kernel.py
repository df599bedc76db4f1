"""The program of a kernel: ipykernel's own, but for the queue of its outputs.

Beyond a thousand messages, what a busy reader is too slow for would be dropped, records among them, and the message
that a cell has ended. What waits in the queue is bounded by the kernel's memory.
"""

KERNEL = """\
import sys
if sys.path[0] == "":
    del sys.path[0]
import zmq
from ipykernel.kernelapp import IPKernelApp
class Kernel(IPKernelApp):
    def init_iopub(self, context):
        context.setsockopt(zmq.SNDHWM, 0)
        super().init_iopub(context)
Kernel.launch_instance()
"""
