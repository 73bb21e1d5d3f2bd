#!/usr/bin/env python3
"""Small programs over Python's standard library, and what plain CPython says of each.

Writes tests/golden/programs.json: each program with two verdicts. `official` is that of the official harnesses
(openai/human-eval execution.py, google-research mbpp): exec(program, {}). `registered` is exec in a module that stands
in sys.modules, as rouse does: it differs only where a program looks for its own module (pickle, type hints).
`needs` names what Landlock alone cannot give: "semaphores" (/dev/shm) or "modes" (chmod, utime).

    python3 tools/golden/programs.py
"""

import json
import pathlib
import subprocess
import sys
import tempfile

PROGRAMS = r'''
import math
assert math.isclose(math.sqrt(2) ** 2, 2) and math.comb(10, 3) == 120 and math.gcd(12, 18) == 6
---
import math
assert math.floor(-1.5) == -1
---
from collections import Counter
assert Counter('mississippi').most_common(2) == [('i', 4), ('s', 4)]
---
from collections import OrderedDict
d = OrderedDict(a=1, b=2); d.move_to_end('a'); assert list(d) == ['b', 'a']
---
from collections import deque
q = deque(range(5), maxlen=3); q.rotate(1); assert list(q) == [4, 2, 3]
---
from collections import namedtuple
P = namedtuple('P', 'x y'); assert P(1, 2)._replace(y=5) == (1, 5)
---
from collections import namedtuple
import pickle
P = namedtuple('P', 'x y'); assert pickle.loads(pickle.dumps(P(1, 2))) == P(1, 2)
---
from collections import defaultdict, ChainMap
d = defaultdict(list); d['a'].append(1); assert ChainMap({}, d)['a'] == [1]
---
import itertools as it
assert list(it.accumulate([1, 2, 3], lambda a, b: a * b)) == [1, 2, 6] and len(list(it.permutations(range(4)))) == 24
---
import itertools as it
assert [k for k, g in it.groupby('aabbc')] == list('abc') and list(it.pairwise('abc')) == [('a', 'b'), ('b', 'c')]
---
import functools
@functools.lru_cache(None)
def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)
assert fib(90) == 2880067194370816120
---
import functools
@functools.total_ordering
class V:
    def __init__(self, n): self.n = n
    def __eq__(self, o): return self.n == o.n
    def __lt__(self, o): return self.n < o.n
assert V(2) >= V(1)
---
import functools
@functools.singledispatch
def f(x): return 'any'
@f.register
def _(x: int): return 'int'
assert f(1) == 'int' and f('') == 'any'
---
import functools, operator
assert functools.reduce(operator.xor, range(8)) == 0 and operator.itemgetter(1, 0)('ab') == ('b', 'a')
---
import heapq
h = [5, 1, 4]; heapq.heapify(h); assert [heapq.heappop(h) for _ in range(3)] == [1, 4, 5] and heapq.nlargest(1, [2, 9]) == [9]
---
import bisect
a = [1, 3, 5]; bisect.insort(a, 4); assert a == [1, 3, 4, 5] and bisect.bisect_left(a, 3) == 1
---
import re
assert re.sub(r'(\w+) (\w+)', r'\2 \1', 'a b') == 'b a' and re.findall(r'\d+', 'a1b22') == ['1', '22']
---
import re
m = re.fullmatch(r'(?P<y>\d{4})-(?P<m>\d\d)', '2024-05'); assert m.groupdict() == {'y': '2024', 'm': '05'}
---
import re
re.compile('(')
---
import string
assert string.Template('$a-$b').substitute(a=1, b=2) == '1-2' and string.capwords('a bc') == 'A Bc'
---
import string
string.Template('$a').substitute()
---
import textwrap
assert textwrap.dedent('  a\n  b') == 'a\nb' and textwrap.shorten('hello big world', 12) == 'hello [...]'
---
import json
assert json.loads(json.dumps({'a': [1, None, True, 'é']})) == {'a': [1, None, True, 'é']}
---
import json
json.loads('{bad}')
---
import json, dataclasses
@dataclasses.dataclass
class A: x: int = 1
assert json.dumps(dataclasses.asdict(A())) == '{"x": 1}'
---
import csv, io
assert list(csv.reader(io.StringIO('a,"b,c"\n1,2'))) == [['a', 'b,c'], ['1', '2']]
---
import csv, io
o = io.StringIO(); w = csv.DictWriter(o, ['a']); w.writeheader(); w.writerow({'a': 1}); assert o.getvalue() == 'a\r\n1\r\n'
---
import configparser
c = configparser.ConfigParser(); c.read_string('[a]\nx = 1'); assert c.getint('a', 'x') == 1
---
import tomllib
assert tomllib.loads('a = [1, 2]') == {'a': [1, 2]}
---
import xml.etree.ElementTree as E
assert E.fromstring('<a><b x="1"/></a>').find('b').get('x') == '1'
---
import xml.dom.minidom as m
assert m.parseString('<a>t</a>').documentElement.firstChild.data == 't'
---
import html, html.parser
assert html.unescape('&lt;&eacute;') == '<é'
---
import urllib.parse as u
assert u.urlsplit('http://a/b?c=1#d').query == 'c=1' and u.quote('a b/é') == 'a%20b/%C3%A9'
---
import urllib.request
urllib.request.urlopen('http://127.0.0.1:1/')
---
import base64, binascii
assert base64.b64encode(b'abc') == b'YWJj' and binascii.crc32(b'a') == 3904355907
---
import hashlib, hmac
assert hashlib.sha256(b'').hexdigest()[:8] == 'e3b0c442' and len(hmac.new(b'k', b'm', 'sha1').digest()) == 20
---
import secrets, uuid
assert len(secrets.token_hex(8)) == 16 and uuid.uuid4() != uuid.uuid4() and uuid.uuid5(uuid.NAMESPACE_DNS, 'a').version == 5
---
import zlib, gzip, bz2, lzma
for m in (zlib, gzip, bz2, lzma): assert m.decompress(m.compress(b'x' * 999)) == b'x' * 999
---
import zipfile, io
b = io.BytesIO()
with zipfile.ZipFile(b, 'w') as z: z.writestr('a', 'text')
assert zipfile.ZipFile(b).read('a') == b'text'
---
import tarfile, io
b = io.BytesIO()
with tarfile.open(fileobj=b, mode='w:gz') as t:
    i = tarfile.TarInfo('a'); i.size = 3; t.addfile(i, io.BytesIO(b'abc'))
b.seek(0); assert tarfile.open(fileobj=b).extractfile('a').read() == b'abc'
---
import struct
assert struct.unpack('<hI', struct.pack('<hI', -2, 7)) == (-2, 7) and struct.calcsize('>q') == 8
---
import array
a = array.array('i', [1, 2]); a.append(3); assert sum(a) == 6
---
import array
array.array('b', [300])
---
import decimal
decimal.getcontext().prec = 30; assert str(decimal.Decimal(1) / 3) == '0.' + '3' * 30
---
import decimal
decimal.Decimal(1) / decimal.Decimal(0)
---
from fractions import Fraction as F
assert F(1, 3) + F(1, 6) == F(1, 2) and F('0.125') == F(1, 8)
---
import statistics as s
assert s.median([3, 1, 2]) == 2 and s.mode('aab') == 'a' and round(s.stdev([1, 2, 3, 4]), 4) == 1.291
---
import statistics
statistics.mean([])
---
import random
r = random.Random(1); a = r.random(); assert random.Random(1).random() == a and sorted(r.sample(range(9), 9)) == list(range(9))
---
import datetime as d
assert (d.date(2024, 3, 1) - d.date(2024, 2, 28)).days == 2 and d.datetime.fromisoformat('2024-01-02T03:04').minute == 4
---
import datetime as d
d.date(2023, 2, 29)
---
import datetime as d, zoneinfo
t = d.datetime(2024, 7, 1, 12, tzinfo=zoneinfo.ZoneInfo('Europe/Paris')); assert t.utcoffset() == d.timedelta(hours=2)
---
import calendar
assert calendar.isleap(2000) and calendar.monthrange(2023, 2) == (2, 28)
---
import time
a = time.perf_counter(); time.sleep(0.002); assert time.perf_counter() > a and time.gmtime(0).tm_year == 1970
---
import locale
assert locale.atof('1.5') == 1.5
---
import copy
a = [[1]]; b = copy.deepcopy(a); b[0].append(2); assert a == [[1]]
---
import pickle
assert pickle.loads(pickle.dumps({'a': (1, {2})})) == {'a': (1, {2})}
---
import pickle
class A:
    def __init__(self, x): self.x = x
assert pickle.loads(pickle.dumps(A(3))).x == 3
---
import pickle
pickle.dumps(lambda: 1)
---
import copyreg, copy
class C: __slots__ = ('a',)
c = C(); c.a = 1; assert copy.copy(c).a == 1
---
import shelve, os
with shelve.open('s') as s: s['a'] = [1]
with shelve.open('s') as s: assert s['a'] == [1]
---
import sqlite3
c = sqlite3.connect(':memory:'); c.execute('create table t(a)'); c.execute('insert into t values (1)')
assert c.execute('select a from t').fetchall() == [(1,)]
---
import sqlite3
with sqlite3.connect('f.db') as c: c.execute('create table t(a)'); c.execute('insert into t values (2)')
assert sqlite3.connect('f.db').execute('select * from t').fetchone() == (2,)
---
import sqlite3
sqlite3.connect(':memory:').execute('select * from nowhere')
---
import dataclasses as d
@d.dataclass(order=True, frozen=True)
class P: x: int; y: int = d.field(default=0, compare=False)
assert P(1) < P(2) and hash(P(1)) == hash(P(1, 5)) and d.replace(P(1), x=4).x == 4
---
import dataclasses as d
@d.dataclass(frozen=True)
class P: x: int
P(1).x = 2
---
from __future__ import annotations
import dataclasses as d, typing as t
@d.dataclass
class N:
    v: int
    n: t.Optional[N] = None
assert t.get_type_hints(N)['n'] == t.Optional[N]
---
from __future__ import annotations
import typing as t
def f(a: list[int]) -> t.Dict[str, int]: ...
assert t.get_type_hints(f)['a'] == list[int]
---
import typing as t
class P(t.Protocol):
    def f(self): ...
@t.runtime_checkable
class Q(P, t.Protocol): ...
class A:
    def f(self): pass
assert isinstance(A(), Q)
---
import typing as t
T = t.TypeVar('T')
class S(t.Generic[T]):
    def __init__(self): self.a: list[T] = []
assert S[int]().a == []
---
import typing as t
class M(t.TypedDict): a: int
class N(t.NamedTuple):
    x: int
    y: str = ''
assert M(a=1) == {'a': 1} and N(1).y == ''
---
import enum
class C(enum.Enum): R = 1; G = enum.auto()
assert C(2) is C.G and C['R'].value == 1 and [c.name for c in C] == ['R', 'G']
---
import enum
class C(enum.Enum): R = 1
C(5)
---
import enum, pickle
class C(enum.Enum): R = 1
assert pickle.loads(pickle.dumps(C.R)) is C.R
---
import enum
class F(enum.IntFlag): A = 1; B = 2
assert F.A | F.B == 3 and str(F.A | F.B) == '3'
---
import abc
class A(abc.ABC):
    @abc.abstractmethod
    def f(self): ...
A()
---
import abc
class A(abc.ABC):
    @abc.abstractmethod
    def f(self): ...
class B(A):
    def f(self): return 1
assert B().f() == 1
---
import contextlib, io
o = io.StringIO()
with contextlib.redirect_stdout(o): print('x')
assert o.getvalue() == 'x\n'
---
import contextlib
@contextlib.contextmanager
def c():
    yield 5
with c() as x, contextlib.suppress(ZeroDivisionError): 1 / 0
assert x == 5
---
import contextlib
with contextlib.ExitStack() as s: a = [s.enter_context(contextlib.nullcontext(i)) for i in range(3)]
assert a == [0, 1, 2]
---
import io
b = io.BytesIO(b'abc'); b.seek(1); assert b.read() == b'bc' and io.TextIOWrapper(io.BytesIO(b'\xc3\xa9'), 'utf-8').read() == 'é'
---
import os
os.makedirs('a/b'); open('a/b/c', 'w').write('1'); assert [f for _, _, f in os.walk('a')] == [[], ['c']]
---
import os
os.listdir('nowhere')
---
import os
os.environ['A_B'] = '1'; assert os.getenv('A_B') == '1' and os.path.expandvars('$A_B') == '1'
---
import os
r, w = os.pipe(); os.write(w, b'x'); assert os.read(r, 9) == b'x' and os.path.basename('/a/b') == 'b'
---
import os
p = os.fork()
if p == 0: os._exit(7)
assert os.waitstatus_to_exitcode(os.waitpid(p, 0)[1]) == 7
---
import os
os.symlink('a', 'b'); assert os.readlink('b') == 'a' and os.path.islink('b') and not os.path.exists('b')
---
import os
open('a', 'w').close(); os.rename('a', 'b'); os.link('b', 'c'); assert os.stat('b').st_nlink == 2; os.truncate('c', 10); assert os.path.getsize('b') == 10
---
import os, stat
open('a', 'w').close(); os.chmod('a', 0o640); assert stat.S_IMODE(os.stat('a').st_mode) == 0o640 #needs modes
---
import os
open('a', 'w').close(); os.utime('a', (5, 6)); assert os.stat('a').st_mtime == 6 #needs modes
---
import pathlib
p = pathlib.Path('d') / 'x.txt'; p.parent.mkdir(); p.write_text('é', 'utf-8'); assert p.read_bytes() == b'\xc3\xa9' and p.suffix == '.txt' and list(pathlib.Path('d').glob('*.txt')) == [p]
---
import pathlib
pathlib.Path('x/y').write_text('a')
---
import pathlib
p = pathlib.Path('t'); p.touch(); assert p.exists(); p.unlink(); assert not p.exists()
---
import shutil, os
os.mkdir('a'); open('a/b', 'w').write('1'); shutil.move('a', 'c'); shutil.rmtree('c'); assert not os.path.exists('c')
---
import shutil
open('a', 'w').write('1'); shutil.copyfile('a', 'b'); assert open('b').read() == '1' and shutil.which('sh')
---
import shutil
open('a', 'w').write('1'); shutil.copy('a', 'b'); shutil.copy2('a', 'c'); assert open('c').read() == '1' #needs modes
---
import shutil, os
os.makedirs('a/b'); open('a/b/c', 'w').write('1'); shutil.copytree('a', 'd'); assert open('d/b/c').read() == '1' #needs modes
---
import tempfile, os
with tempfile.TemporaryDirectory() as d: open(os.path.join(d, 'x'), 'w').close()
assert not os.path.exists(d)
---
import tempfile
with tempfile.NamedTemporaryFile('w+') as f: f.write('abc'); f.flush(); assert open(f.name).read() == 'abc'
---
import tempfile
with tempfile.TemporaryFile() as f: f.write(b'1'); f.seek(0); assert f.read() == b'1'
---
import tempfile
with tempfile.SpooledTemporaryFile(max_size=2) as f: f.write(b'12345'); f.seek(0); assert f.read() == b'12345'
---
import glob, fnmatch
open('a1', 'w').close(); assert glob.glob('a?') == ['a1'] and fnmatch.fnmatch('abc', 'a*')
---
import fileinput
open('f', 'w').write('1\n2\n'); assert [l.strip() for l in fileinput.input('f')] == ['1', '2']
---
import filecmp, linecache
open('a', 'w').write('x\ny\n'); open('b', 'w').write('x\ny\n'); assert filecmp.cmp('a', 'b') and linecache.getline('a', 2) == 'y\n'
---
import mmap
open('f', 'wb').write(b'hello')
with open('f', 'r+b') as f, mmap.mmap(f.fileno(), 0) as m: m[0:1] = b'J'
assert open('f').read() == 'Jello'
---
import mmap
m = mmap.mmap(-1, 100); m.write(b'ab'); assert m[:2] == b'ab'
---
import subprocess, sys
assert subprocess.run([sys.executable, '-c', 'print(6 * 7)'], capture_output=True, text=True).stdout == '42\n'
---
import subprocess
p = subprocess.Popen(['cat'], stdin=subprocess.PIPE, stdout=subprocess.PIPE); assert p.communicate(b'in')[0] == b'in'
---
import subprocess
subprocess.run(['false'], check=True)
---
import subprocess
try: subprocess.run(['sleep', '9'], timeout=0.05)
except subprocess.TimeoutExpired: pass
else: assert False
---
import os
assert os.system('exit 3') >> 8 == 3 and os.popen('echo a').read() == 'a\n'
---
import shlex
assert shlex.split("a 'b c'") == ['a', 'b c'] and shlex.quote('a b') == "'a b'"
---
import threading
a = []; t = threading.Thread(target=a.append, args=(1,)); t.start(); t.join(); assert a == [1]
---
import threading
l = threading.Lock(); n = 0
def f():
    global n
    for _ in range(1000):
        with l: n += 1
ts = [threading.Thread(target=f) for _ in range(4)]
for t in ts: t.start()
for t in ts: t.join()
assert n == 4000
---
import threading
e, b = threading.Event(), threading.Barrier(2)
threading.Thread(target=lambda: (b.wait(), e.set())).start(); b.wait(); assert e.wait(1)
---
import threading
t = threading.Timer(0.001, lambda: None); t.start(); t.join(); assert threading.local() and threading.active_count() == 1
---
import queue, threading
q = queue.PriorityQueue(); q.put(2); q.put(1); assert q.get() == 1
q = queue.Queue(1); threading.Thread(target=q.put, args=(5,)).start(); assert q.get(timeout=1) == 5
---
import queue
queue.Queue().get_nowait()
---
from concurrent.futures import ThreadPoolExecutor as T, as_completed
with T(4) as p: assert sorted(f.result() for f in as_completed([p.submit(pow, i, 2) for i in range(5)])) == [0, 1, 4, 9, 16]
---
from concurrent.futures import ThreadPoolExecutor as T
with T() as p: p.submit(lambda: 1 / 0).result()
---
from concurrent.futures import ProcessPoolExecutor as P
with P(2) as p: assert list(p.map(abs, [-1, -2])) == [1, 2] #needs semaphores
---
import multiprocessing as m
def f(c): c.send([1, 2]); c.close()
a, b = m.Pipe(); p = m.Process(target=f, args=(b,)); p.start(); assert a.recv() == [1, 2]; p.join()
---
import multiprocessing as m
q = m.Queue(); p = m.Process(target=q.put, args=(5,)); p.start(); assert q.get(timeout=5) == 5; p.join() #needs semaphores
---
import multiprocessing as m
def f(x): return x * x
with m.Pool(2) as p: assert p.map(f, range(4)) == [0, 1, 4, 9] #needs semaphores
---
import multiprocessing as m
a = m.Array('i', [1, 2]); v = m.Value('d', 1.5)
with a.get_lock(): assert a[:] == [1, 2] and v.value == 1.5 #needs semaphores
---
import multiprocessing as m
l, e, s, c = m.Lock(), m.Event(), m.Semaphore(2), m.Condition()
with l, s, c: e.set()
assert e.is_set() #needs semaphores
---
from multiprocessing.pool import ThreadPool
with ThreadPool(2) as p: assert p.map(abs, [-1]) == [1] #needs semaphores
---
from multiprocessing import shared_memory as s
m = s.SharedMemory(create=True, size=10); m.buf[0] = 7; n = s.SharedMemory(m.name); assert n.buf[0] == 7; n.close(); m.close(); m.unlink() #needs semaphores
---
import asyncio
async def f(x): await asyncio.sleep(0.001); return x
async def main(): return await asyncio.gather(*map(f, range(3)))
assert asyncio.run(main()) == [0, 1, 2]
---
import asyncio
async def main():
    q = asyncio.Queue(); t = asyncio.create_task(q.get()); await q.put(1); assert await t == 1
    async with asyncio.timeout(1): await asyncio.sleep(0)
asyncio.run(main())
---
import asyncio
async def main(): await asyncio.wait_for(asyncio.sleep(9), 0.01)
asyncio.run(main())
---
import asyncio
async def main(): return await asyncio.to_thread(sum, [1, 2])
assert asyncio.run(main()) == 3
---
import asyncio
async def main():
    p = await asyncio.create_subprocess_exec('echo', 'a', stdout=-1); return (await p.communicate())[0]
assert asyncio.run(main()) == b'a\n'
---
import asyncio
async def g():
    for i in range(3): yield i
async def main(): return [i async for i in g()]
loop = asyncio.new_event_loop(); assert loop.run_until_complete(main()) == [0, 1, 2]; loop.close()
---
import asyncio
async def main():
    async with asyncio.TaskGroup() as g: t = g.create_task(asyncio.sleep(0, 5))
    return t.result()
assert asyncio.run(main()) == 5
---
import signal, os
a = []; signal.signal(signal.SIGUSR1, lambda *x: a.append(1)); os.kill(os.getpid(), signal.SIGUSR1); assert a == [1]
---
import signal, time
signal.signal(signal.SIGALRM, lambda *x: 1 / 0); signal.setitimer(signal.ITIMER_REAL, 0.01); time.sleep(5)
---
import signal, time
class Late(Exception): pass
def late(*a): raise Late
signal.signal(signal.SIGALRM, late); signal.setitimer(signal.ITIMER_REAL, 0.01)
try: time.sleep(5)
except Late: pass
else: assert False
---
import select, os
r, w = os.pipe(); os.write(w, b'x'); assert select.select([r], [], [], 0)[0] == [r]
---
import selectors, socket
a, b = socket.socketpair(); s = selectors.DefaultSelector(); s.register(a, selectors.EVENT_READ); b.send(b'x'); assert s.select(1)
---
import socket
a, b = socket.socketpair(); a.setblocking(False); f = b.makefile('wb'); f.write(b'line\n'); f.flush(); assert a.recv(9) == b'line\n'; a.close()
---
import fcntl
f = open('l', 'w'); fcntl.flock(f, fcntl.LOCK_EX); fcntl.lockf(f, fcntl.LOCK_UN)
---
import resource
assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss > 0; resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
---
import gc, weakref
class A: pass
a = A(); r = weakref.ref(a); del a; gc.collect(); assert r() is None
---
import weakref
class A: pass
d = weakref.WeakValueDictionary(); a = A(); d[1] = a; assert d[1] is a
---
import sys
assert sys.getsizeof([]) > 0 and sys.maxsize > 0 and sys.version_info >= (3,)
---
import sys
sys.exit()
---
import sys
sys.exit(1)
---
exit()
---
raise KeyboardInterrupt
---
import sys
sys.setrecursionlimit(5000)
def f(n): return 0 if n == 0 else 1 + f(n - 1)
assert f(4000) == 4000
---
def f(n): return 1 + f(n + 1)
f(0)
---
import sys
def f(n): return 1 + f(n + 1)
try: f(0)
except RecursionError: pass
---
import sys, io
sys.stdout = io.StringIO(); print('captured'); assert sys.stdout.getvalue() == 'captured\n'
---
import sys
sys.stdout.write('a'); sys.stderr.write('b'); sys.stdout.flush()
---
import sys
assert __name__ != '__main__'
---
if __name__ == '__main__':
    raise ValueError('main')
---
def main():
    input()
if __name__ == '__main__':
    main()
---
import argparse
p = argparse.ArgumentParser(); p.add_argument('-n', type=int); assert p.parse_args(['-n', '3']).n == 3
---
import argparse
argparse.ArgumentParser().parse_args(['--bad'])
---
import unittest
class T(unittest.TestCase):
    def test(self): self.assertEqual(1, 1)
r = unittest.TextTestRunner(verbosity=0).run(unittest.defaultTestLoader.loadTestsFromTestCase(T)); assert r.wasSuccessful()
---
import unittest
class T(unittest.TestCase):
    def test(self): self.assertEqual(1, 2)
if __name__ == '__main__': unittest.main()
---
import unittest.mock as m
f = m.Mock(return_value=3); assert f(1) == 3; f.assert_called_once_with(1)
with m.patch('os.getcwd', return_value='x'):
    import os; assert os.getcwd() == 'x'
---
import doctest
def f():
    """
    >>> f()
    1
    """
    return 1
assert doctest.run_docstring_examples(f, {'f': f}) is None
---
import logging, io
o = io.StringIO(); logging.basicConfig(stream=o); logging.warning('w %d', 1); assert o.getvalue() == 'WARNING:root:w 1\n'
---
import warnings
with warnings.catch_warnings(record=True) as w: warnings.simplefilter('always'); warnings.warn('x'); assert len(w) == 1
---
import warnings
warnings.simplefilter('error'); warnings.warn('x')
---
import traceback
try: 1 / 0
except ZeroDivisionError: assert 'division' in traceback.format_exc()
---
import inspect
def f(a, b=1, *c, d): pass
assert str(inspect.signature(f)) == '(a, b=1, *c, d)' and inspect.isfunction(f)
---
import inspect
def f(): return 1
inspect.getsource(f)
---
import ast
assert ast.literal_eval('[1, (2,)]') == [1, (2,)] and eval(compile(ast.parse('1 + 2', mode='eval'), '', 'eval')) == 3
---
import ast
ast.literal_eval('f()')
---
import dis, tokenize, io
assert any(i.opname.startswith('RETURN') for i in dis.get_instructions(lambda: 1)) and list(tokenize.generate_tokens(io.StringIO('a').readline))
---
import types, importlib
m = types.ModuleType('m'); exec('x = 1', m.__dict__); assert m.x == 1 and importlib.import_module('math').pi > 3
---
import nowhere_to_be_found
---
import sys, os
open('local_module.py', 'w').write('x = 5'); sys.path.insert(0, os.getcwd()); import local_module; assert local_module.x == 5
---
import runpy
open('s.py', 'w').write('y = 2 if __name__ == "__main__" else 3'); assert runpy.run_path('s.py', run_name='__main__')['y'] == 2
---
import atexit
atexit.register(lambda: 1 / 0)
---
import code, codeop
assert codeop.compile_command('1 +', symbol='eval') is None if False else True
---
import difflib
assert difflib.get_close_matches('appel', ['apple', 'ape'])[0] == 'apple' and difflib.SequenceMatcher(None, 'ab', 'ab').ratio() == 1
---
import pprint, reprlib
assert pprint.pformat({'b': 1, 'a': 2}) == "{'a': 2, 'b': 1}" and reprlib.repr(range(99)) == 'range(0, 99)'
---
import unicodedata
assert unicodedata.normalize('NFD', 'é') == 'e\u0301' and unicodedata.name('é').endswith('ACUTE')
---
import codecs
assert codecs.encode('abc', 'rot13') == 'nop' and codecs.decode(b'\xff\xfea\x00', 'utf-16') == 'a'
---
b'\xff'.decode()
---
import gettext, getopt
assert getopt.getopt(['-a', 'x'], 'a')[1] == ['x'] and gettext.gettext('a') == 'a'
---
import ipaddress
assert ipaddress.ip_address('10.0.0.1') in ipaddress.ip_network('10.0.0.0/8')
---
import email.message, email
m = email.message.EmailMessage(); m['To'] = 'a@b'; m.set_content('x'); assert email.message_from_string(str(m))['To'] == 'a@b'
---
import mimetypes, http
assert mimetypes.guess_type('a.html')[0] == 'text/html' and http.HTTPStatus(404).phrase == 'Not Found'
---
import colorsys, cmath
assert colorsys.rgb_to_hsv(1, 0, 0) == (0, 1, 1) and cmath.sqrt(-1) == 1j
---
import graphlib
assert list(graphlib.TopologicalSorter({'b': {'a'}}).static_order()) == ['a', 'b']
---
import graphlib
graphlib.TopologicalSorter({'a': {'b'}, 'b': {'a'}}).prepare()
---
import ctypes
assert ctypes.sizeof(ctypes.c_int) == 4 and ctypes.CDLL(None).abs(-3) == 3
---
import contextvars
v = contextvars.ContextVar('v', default=1); t = v.set(2); assert v.get() == 2; v.reset(t); assert v.get() == 1
---
import sched, time
a = []; s = sched.scheduler(time.time, time.sleep); s.enter(0.001, 1, a.append, (1,)); s.run(); assert a == [1]
---
import platform, sysconfig
assert platform.python_implementation() == 'CPython' and platform.system() == 'Linux' and sysconfig.get_paths()['stdlib']
---
import timeit
assert timeit.timeit('1 + 1', number=10) >= 0
---
import cProfile, pstats, io
p = cProfile.Profile(); p.runcall(sum, [1]); pstats.Stats(p, stream=io.StringIO()).print_stats()
---
import tracemalloc
tracemalloc.start(); x = [0] * 1000; assert tracemalloc.get_traced_memory()[0] > 0; tracemalloc.stop()
---
import numbers, operator
assert isinstance(1, numbers.Integral) and operator.attrgetter('real')(3) == 3
---
match {'a': [1, 2]}:
    case {'a': [x, *_]}: assert x == 1
    case _: assert False
---
def g():
    x = yield 1
    yield x * 2
i = g(); next(i); assert i.send(4) == 8
---
class M(type):
    def __new__(c, n, b, d): d['k'] = n; return super().__new__(c, n, b, d)
class A(metaclass=M): pass
assert A.k == 'A'
---
class A:
    def __init_subclass__(cls, **k): cls.k = k
class B(A, z=1): pass
assert B.k == {'z': 1}
---
class D:
    def __get__(self, o, t): return 5
    def __set_name__(self, o, n): self.n = n
class A: d = D()
assert A().d == 5 and A.__dict__['d'].n == 'd'
---
try: raise ExceptionGroup('g', [ValueError(1), TypeError(2)])
except* ValueError as e: assert len(e.exceptions) == 1
except* TypeError: pass
---
x = 1
def f():
    x += 1
f()
---
assert (lambda *a, k=1, **kw: (a, k, kw))(1, 2, z=3) == ((1, 2), 1, {'z': 3})
---
assert f'{3.14159:.2f} {255:#x} {"a":>3}' == '3.14 0xff   a' and '%05d' % 42 == '00042'
---
assert sorted([3, 1, 2], key=lambda v: -v) == [3, 2, 1] and {**{'a': 1}, 'b': 2} == {'a': 1, 'b': 2}
---
assert 0.1 + 0.2 == 0.3
---
assert int('ff', 16) == 255 and (-7) // 2 == -4 and divmod(-7, 2) == (-4, 1) and 2 ** 200 % 97 == pow(2, 200, 97)
---
assert [*zip('ab', [1, 2], strict=True)] and list(zip('ab', [1], strict=True))
---
x = [1, 2, 3]
assert x[5]
---
def f(:
---
print('unbalanced'
---
  indented = 1
---
return 5
---
from __future__ import annotations
x: undefined_name = 1
assert __annotations__ == {'x': 'undefined_name'}
---
assert globals()['__builtins__'] and 'x' not in globals() and __doc__ is None
---
class A:
    def __repr__(self): return 'A!'
assert repr([A()]) == '[A!]' and A.__qualname__ == 'A'
---
def outer():
    n = 0
    def inner():
        nonlocal n; n += 1; return n
    return inner
i = outer(); i(); assert i() == 2
---
assert __debug__ and [y := 5, y ** 2] == [5, 25]
---
big = 10 ** 5000
str(big)
---
import sys
sys.set_int_max_str_digits(0); assert len(str(10 ** 5000)) == 5001
'''

REFERENCE = {
    "official": "exec(source, {})",
    "registered": "import types; m = types.ModuleType('program'); sys.modules['program'] = m; exec(source, m.__dict__)",
}


def verdict(program, how):
    """Whether plain CPython reaches the end of `program`."""
    harness = f"import os, sys\nsource = sys.argv.pop()\ntry:\n    {REFERENCE[how]}\nexcept BaseException:\n    os._exit(1)\nos._exit(0)\n"
    with tempfile.TemporaryDirectory() as folder:
        return subprocess.run([sys.executable, "-I", "-c", harness, program], cwd=folder, timeout=60,
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0


def main():
    rows = []
    for text in PROGRAMS.strip("\n").split("\n---\n"):
        program, _, needs = text.partition(" #needs ")
        rows.append({"program": program, **{how: verdict(program, how) for how in REFERENCE}})
        if needs:
            rows[-1]["needs"] = needs
    target = pathlib.Path(__file__).resolve().parents[2] / "tests/golden/programs.json"
    target.write_text("[\n" + ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n]\n")
    print(len(rows), "programs;", sum(row["official"] for row in rows), "pass in the official harnesses;",
          sum(row["registered"] for row in rows), "in a registered module")


if __name__ == "__main__":
    main()
