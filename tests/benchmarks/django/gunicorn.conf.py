import ctypes
import multiprocessing
import signal

workers = multiprocessing.cpu_count() * 2
worker_class = "gthread"
threads = 4
keepalive = 120
backlog = 1024
loglevel = "error"


def post_fork(server, worker):
    # The benchmark kills the master: nobody stays behind.
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
