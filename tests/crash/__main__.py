"""`make crash`: the spool on a disk that forgets what was not synced."""

from __future__ import annotations

import sys

from mount import mounted, why_not
from power import run
from writer import MUTATIONS


def main() -> int:
    why = why_not()
    if why:
        print("not run:", why)
        return 0
    with mounted() as disk:
        import time

        t = time.time()
        for n in range(int(sys.argv[1])):
            s = run(disk, n)
            if s.wrong:
                print(s)
        print(time.time() - t)
        for name, m in MUTATIONS.items():
            c = 0
            for n in range(int(sys.argv[2])):
                s = run(disk, n, m)
                c += bool(s.wrong)
            print(name, c)
    return 0


if __name__ == "__main__":
    sys.exit(main())
