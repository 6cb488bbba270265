"""A program on a terminal of its own: what comes on standard input is typed, what it shows goes to standard output. At its
end a line on standard error: its exit code or signal, and whether the terminal still shows what is typed."""
import fcntl
import json
import os
import select
import sys
import termios

master, slave = os.openpty()
pid = os.fork()
if pid == 0:
    os.setsid()
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    for fd in (0, 1, 2):
        os.dup2(slave, fd)
    os.close(master)
    os.execvp(sys.argv[1], sys.argv[1:])

watched = [master, 0]
status = None
while status is None or select.select([master], [], [], 0)[0]:
    for fd in select.select(watched, [], [], 0.05)[0]:
        data = os.read(fd, 65536)
        if fd == 0 and not data:
            watched = [master]
        else:
            os.write(master if fd == 0 else 1, data)
    if status is None:
        ended, how = os.waitpid(pid, os.WNOHANG)
        status = how if ended else None

echo = bool(termios.tcgetattr(slave)[3] & termios.ECHO)
code = os.waitstatus_to_exitcode(status)
print(json.dumps({"code": code, "echo": echo}), file=sys.stderr)
