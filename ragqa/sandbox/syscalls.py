"""The system calls that a function in the sandbox never needs, with their numbers on x86-64 and on 64-bit ARM.

Source: the kernel's tables (arch/x86/entry/syscalls/syscall_64.tbl, include/uapi/asm-generic/unistd.h). A dash
in the place of a number: the kernel does not have this call on this processor.
"""

from __future__ import annotations

MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
"""By the name from `uname -m`: the column of the table, and the number of the processor in seccomp."""

NEWEST = 452
"""The highest number of a call in the table, the same on both processors; later kernels have more calls."""
_TABLE = """
socket 41 198
socketpair 53 199
fork 57 -
vfork 58 -
execve 59 221
execveat 322 281
ptrace 101 117
kcmp 312 272
process_vm_readv 310 270
process_vm_writev 311 271
process_madvise 440 440
process_mrelease 448 448
kill 62 129
tkill 200 130
rt_sigqueueinfo 129 138
rt_tgsigqueueinfo 297 240
pidfd_open 434 434
pidfd_send_signal 424 424
pidfd_getfd 438 438
setns 308 268
unshare 272 97
setpriority 141 140
sched_setscheduler 144 119
sched_setparam 142 118
sched_setattr 314 274
sched_setaffinity 203 122
ioprio_set 251 30
migrate_pages 256 238
move_pages 279 239
creat 85 -
truncate 76 45
mkdir 83 -
mkdirat 258 34
rmdir 84 -
mknod 133 -
mknodat 259 33
link 86 -
linkat 265 37
symlink 88 -
symlinkat 266 36
unlink 87 -
unlinkat 263 35
rename 82 -
renameat 264 38
renameat2 316 276
chmod 90 -
fchmod 91 52
fchmodat 268 53
fchmodat2 452 452
chown 92 -
lchown 94 -
fchown 93 55
fchownat 260 54
utime 132 -
utimes 235 -
futimesat 261 -
utimensat 280 88
setxattr 188 5
lsetxattr 189 6
fsetxattr 190 7
removexattr 197 14
lremovexattr 198 15
fremovexattr 199 16
chroot 161 51
pivot_root 155 41
mount 165 40
umount2 166 39
move_mount 429 429
open_tree 428 428
fsopen 430 430
mount_setattr 442 442
open_by_handle_at 304 265
fanotify_init 300 262
quotactl 179 60
acct 163 89
swapon 167 224
swapoff 168 225
reboot 169 142
shmget 29 194
shmat 30 196
msgget 68 186
semget 64 190
mq_open 240 180
mq_unlink 241 181
keyctl 250 219
add_key 248 217
request_key 249 218
bpf 321 280
perf_event_open 298 241
userfaultfd 323 282
io_uring_setup 425 425
"""

_LOOKED_AT = """
open 2 -
openat 257 56
openat2 437 437
clone 56 220
clone3 435 435
tgkill 234 131
prlimit64 302 261
"""


def refused(machine: str) -> list[int]:
    """Return the numbers of the calls that are refused with any arguments."""
    return list(_numbers(_TABLE, machine).values())


def looked_at(machine: str) -> dict[str, int]:
    """Return the numbers of the calls that are refused by their arguments, by name."""
    return _numbers(_LOOKED_AT, machine)


def _numbers(table: str, machine: str) -> dict[str, int]:
    column = MACHINES[machine][0]
    rows = (line.split() for line in table.split("\n") if line)
    return {name: int(numbers[column]) for name, *numbers in rows if numbers[column] != "-"}
