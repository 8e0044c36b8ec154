#!/usr/bin/env python3
"""Finds machine code that not every x86-64 CPU can run in functions that are entered on every CPU.

check_instructions.py --build BUILD [--jobs N]   the program, the test programs' objects and the libraries put into them
check_instructions.py FILE...                    these programs, libraries or objects
Prints `N passed, M failed`, a file each. The baseline is what every x86-64 CPU has: SSE2. Anything later may stand
only in functions that ALLOWED names. An inline function of a header is the danger that one does not see in the source:
where a file is compiled for more, its copy of the function is too, and the linker takes one copy for the whole program.
So objects are looked at before the linker has chosen.
"""

import argparse
import concurrent.futures
import json
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent

# Functions that may hold such instructions, by the start of their name, and why that is safe.
ALLOWED = [
    # As the compiler writes C++ names: the namespace is the function's own, and not one of a template's arguments.
    (r"_Z+NK?4hone6N_AVX[23]", "hone's kernels, chosen by Highway from cpuid"),
    (r"_Z+NK?3hwy6N_AVX[23]", "Highway's own functions, called by those"),
    (r"_Z+NK?4hone6avx512", "hone's kernels for AVX-512, chosen by LacksAvx512Bf16 or LacksAvx512Vnni"),
    # As c++filt gives them.
    (r"<?memchr(\[\w+\])?::arch::x86_64::", "memchr asks is_x86_feature_detected once"),
    (r"<?aho_corasick(\[\w+\])?::packed::teddy::builder::x86_64::(Slim|Fat)(SSSE3|AVX2)", "aho-corasick, likewise"),
    (r"rand_chacha::guts::\w+::impl_(ssse3|sse41|avx2?)::", "ppv-lite86's dispatch for the rand crate"),
    (r"crc32fast::specialized::pclmulqdq::calculate", "crc32fast asks is_x86_feature_detected"),
    (r"snap::crc32::crc32c_sse::", "snap, likewise"),
    (r"core(\[\w+\])?::core_arch::x86::", "single instructions, called by the functions above"),
    (r"compiler_builtins(\[\w+\])?::math::libm_math::arch::x86::fma::fmaf?_with_fma4?$", "chosen from cpuid"),
    (r"(ZSTD|HUF|FSE)_\w+_bmi2(\.|$)", "zstd asks cpuid when a context is made"),
    (r"HUF_decompress4X[12]_usingDTable_internal_fast", "zstd, likewise"),
]

# VEX, EVEX and AMX: every vector instruction with a v, except a few of virtual machines and segments, the masks' and
# tiles' own, and those of BMI. Then what came to SSE2 one by one. Not tzcnt: older CPUs take it for bsf, and compilers
# write it where both give the same.
LATER = re.compile(r"""
    v(?!mcall|mread|mwrite|mlaunch|mresume|mxo|mptr|mclear|mfunc|mrun|mload|msave|mmcall|err|erw)[a-z0-9]+
    | k(mov|andn?|or|xn?or|not|add|shift[lr]|unpck|test|ortest)[bwdq]+
    | tdp[a-z0-9]+ | tile[a-z0-9]+ | [ls][dt]tilecfg
    | andn | bextr | bls(i|r|msk) | bzhi | mulx | pdep | pext | rorx | s[ah][lr]x
    | fisttp[a-z]* | lddqu | addsubp[sd] | h(add|sub)p[sd] | movs[hl]dup | movddup
    | pshufb | palignr | pabs[bwd] | ph(add|sub)s?[wd] | phaddsw | pmaddubsw | pmulhrsw | psign[bwd]
    | pmul(ld|dq) | pm(in|ax)(sb|sd|uw|ud) | pmov[sz]x[bwdq]+ | p(ins|ext)r[bdq] | round[sp][sd] | dpp[sd] | mpsadbw
    | p?blend[a-z]+ | packusdw | ptest | pcmp(eq|gt)q | pcmp[ei]str[im][a-z]* | movntdqa | (insert|extract)ps
    | phminposuw | crc32[bwlq]* | popcnt[wlq]? | lzcnt[wlq]? | movbe[wlq]? | aes[a-z0-9]+ | pclmul[a-z]*
    | sha(1|256)[a-z0-9]+ | adcx | adox | gf2p8[a-z]+ | extrq | insertq | movnts[sd]
""", re.VERBOSE)
PREFIXES = re.compile(r"^(?:(?:data16|addr32|lock|rep[nz]*|repnz|notrack|bnd|[c-gs]s|rex\S*) )+")


def functions(files):
    """Of each function with later instructions: (file, symbol, how many, the first one)."""
    with tempfile.TemporaryDirectory(prefix="hone-instructions-") as folder:
        joined = {join_sections(path, pathlib.Path(folder, f"{place}.o")) if path.suffix == ".o" else str(path): path
                  for place, path in enumerate(files)}
        return [(str(joined.get(file, file)), *rest) for file, *rest in disassemble(joined)]


def join_sections(path, target):
    """An object with the code of another in one section, for objdump sorts all symbols anew for each section, and
    compilers give each inline function its own."""
    script = target.with_suffix(".ld")
    script.write_text("SECTIONS { .text : { *(.text .text.*) } }\n", encoding="utf-8")
    subprocess.run(["ld", "-r", "--force-group-allocation", "-T", script, path, "-o", target], check=True)
    return str(target)


def disassemble(files):
    found = []
    disassembler = subprocess.Popen(
        ["objdump", "--disassemble", "--no-show-raw-insn", "--wide", *files],
        stdout=subprocess.PIPE, text=True, errors="replace")
    known = {}  # whether an instruction is a later one
    file = symbol = first = ""
    count = 0
    for line in disassembler.stdout:
        if line[0] == " ":
            text = line.partition("\t")[2]
            name = text.partition(" ")[0].rstrip()
            later = known.get(name)
            if later is None:
                if PREFIXES.match(text):
                    name = PREFIXES.sub("", text).partition(" ")[0].rstrip()
                later = known[name] = bool(LATER.fullmatch(name))
            if later:
                first = first or text.strip()
                count += 1
        elif line.endswith(">:\n"):
            if count:
                found.append((file, symbol, count, first))
            symbol, first, count = line[line.index("<") + 1:-3], "", 0
        elif ": " in line and "file format" in line:
            if count:
                found.append((file, symbol, count, first))
            file, symbol, first, count = line.partition(":")[0], "", "", 0
    if count:
        found.append((file, symbol, count, first))
    if disassembler.wait() != 0:
        raise OSError(f"objdump failed for {', '.join(files)}")
    return found


def demangle(symbols):
    text = subprocess.run(["c++filt"], input="\n".join(symbols), text=True, capture_output=True, check=True).stdout
    return dict(zip(symbols, text.split("\n")))


def allowed(symbol, demangled):
    return any(re.match(pattern, name) for pattern, _ in ALLOWED for name in (symbol, demangled))


def files_of(build):
    """The program as it is linked. For the tests: their objects and the rooms', and the libraries put into them."""
    commands = json.loads((build / "compile_commands.json").read_text(encoding="utf-8"))
    outputs = [re.search(r" -o (\S+)", command["command"]).group(1) for command in commands]
    # Replays of corpora are no part of every build, and are linked for themselves.
    outputs = [output for output in outputs if "_replay.dir/" not in output]
    objects = [build / output for output in outputs if output.endswith(".o")]  # the others are precompiled headers
    ninja = (build / "build.ninja").read_text(encoding="utf-8")
    archives = set(re.findall(r"(?<=\s)/\S+\.a(?=\s)", ninja))
    libraries = sorted(path for path in archives if not path.startswith(f"{ROOT}/"))
    return [build / "hone", *map(pathlib.Path, libraries), *objects]


def batches(files, number):
    """About as much to read in each."""
    result = [[] for _ in range(number)]
    sizes = [0] * number
    for path in sorted(files, key=lambda path: path.stat().st_size, reverse=True):
        smallest = sizes.index(min(sizes))
        result[smallest].append(path)
        sizes[smallest] += path.stat().st_size
    return [batch for batch in result if batch]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("files", type=pathlib.Path, nargs="*", metavar="FILE")
    arguments = parser.parse_args()
    files = arguments.files + (files_of(arguments.build.resolve()) if arguments.build else [])
    missing = [str(path) for path in files if not path.is_file()]
    if not files or missing:
        sys.exit("nothing to look at" if not files else f"not there: {', '.join(missing)}")
    with concurrent.futures.ProcessPoolExecutor(arguments.jobs) as pool:
        found = [entry for entries in pool.map(functions, batches(files, arguments.jobs)) for entry in entries]
    names = demangle(sorted({symbol for _, symbol, _, _ in found}))
    broken = set()
    for file, symbol, count, first in found:
        if not allowed(symbol, names[symbol]):
            broken.add(file)
            print(f"{file}: {names[symbol]} is entered on every CPU, but holds {count} instructions that not every "
                  f"x86-64 CPU has, the first: {first}")
    print(f"{len(files) - len(broken)} passed, {len(broken)} failed")
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
