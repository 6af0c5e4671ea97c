"""Names that an exported model may have: its header must not take the place of another header."""

from __future__ import annotations

import re

__all__ = ["check_name"]

_KEYWORDS = """
alignas alignof and and_eq asm auto bitand bitor bool break case catch char char16_t char32_t char8_t class
co_await co_return co_yield compl concept const const_cast consteval constexpr constinit continue decltype
default delete do double dynamic_cast else enum explicit export extern false final float for friend goto if
import inline int long main module mutable namespace new noexcept not not_eq nullptr operator or or_eq
override private protected public register reinterpret_cast requires restrict return short signed sizeof
static static_assert static_cast struct switch template this thread_local throw true try typedef typeid
typename typeof typeof_unqual union unsigned using virtual void volatile wchar_t while xor xor_eq
"""

# #include "time.h" of an exported "time" would be found in place of <time.h> by whatever includes that.
_HEADERS = """
aio aliases alloca assert complex cpio ctype direct dirent dlfcn elf endian err errno error execinfo fcntl
features fenv float fmtmsg fnmatch ftw getopt glob grp iconv ifaddrs inttypes io iso646 langinfo libgen
limits link locale malloc math memory monetary mqueue ndbm netdb new nl_types omp poll process pthread
pty pwd regex resolv sched search select semaphore setjmp share shadow signal spawn stab stdalign stdarg
stdatomic stdbit stdbool stdckdint stddef stdint stdio stdlib stdnoreturn string strings stropts syscall
sysexits syslog tar termio termios tgmath threads time trace uchar ucontext ulimit unistd utime utmp utmpx
values varargs wait wchar wctype windows winsock wordexp
"""

# Functions that compilers know by name; those of <math.h> also end in f and l.
_MATH_FUNCTIONS = """
acos acosh asin asinh atan atan2 atanh cbrt ceil copysign cos cosh erf erfc exp exp2 expm1 fabs fdim floor
fma fmax fmin fmod frexp hypot ilogb j0 j1 jn ldexp lgamma llrint llround log log10 log1p log2 logb lrint
lround modf nan nearbyint nextafter nexttoward pow remainder remquo rint round scalbln scalbn sin sinh sqrt
tan tanh tgamma trunc y0 y1 yn
"""
_OTHER_FUNCTIONS = """
fpclassify isfinite isinf isnan isnormal signbit isgreater isless isunordered kill raise sigaction sigaddset
sigdelset sigemptyset sigfillset sigismember sigprocmask sigsuspend sigwait alarm abort asctime clock ctime
difftime gmtime localtime mktime strftime strptime nanosleep timegm tzset timespec_get sleep free calloc
realloc exit abs labs div rand srand atoi atof qsort read write open close printf scanf puts gets memcpy
memset memmove strlen strcpy
"""

_FUNCTION = "a function of the C library"
_TAKEN = {
    **dict.fromkeys((name + end for name in _MATH_FUNCTIONS.split() for end in ("", "f", "l")), _FUNCTION),
    **dict.fromkeys(_OTHER_FUNCTIONS.split(), _FUNCTION),
    **{name: f"the name of the system's header <{name}.h>" for name in _HEADERS.split()},
    **dict.fromkeys(_KEYWORDS.split(), "a keyword of C or C++"),
}


def check_name(name: str) -> None:
    """Refuse a name that is no identifier, is reserved, or is the system's.

    Raises
    ------
    ValueError
        With the name, the reason, and the option of the command line that gives another.
    """
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,62}", name):
        reason = "a letter, then up to 62 letters, digits and underscores"
        raise ValueError(f"name must be a C identifier ({reason}), got {name!r}; --name gives another")
    taken = _TAKEN.get(name.lower())  # file systems may not tell upper from lower case
    if taken is not None:
        raise ValueError(f"name must not be {name!r}, {taken}; --name gives another")
