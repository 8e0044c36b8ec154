"""tools/check_instructions.py fails on the programs it should fail on."""

import pathlib
import platform
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]


@unittest.skipUnless(platform.machine() == "x86_64", "the check knows the instructions of x86-64")
class CheckInstructionsTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def run_check(self, source, *options):
        """Of this source, compiled with these options: the check's status and what it printed."""
        (self.folder / "some.cc").write_text(source, encoding="utf-8")
        subprocess.run(["c++", "-std=c++20", f"-I{ROOT}/src", "-c", "some.cc", "-o", "some.o", *(options or ["-O2"])],
                       cwd=self.folder, check=True)
        done = subprocess.run([sys.executable, ROOT / "tools/check_instructions.py", self.folder / "some.o"],
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.stderr, "")
        return done.returncode, done.stdout

    def assert_passes(self, source, *options):
        self.assertEqual(self.run_check(source, *options), (0, "1 passed, 0 failed\n"))

    def assert_finds(self, function, source, *options):
        status, output = self.run_check(source, *options)
        self.assertEqual(status, 1)
        self.assertIn(f"some.o: {function}", output.split("\n")[0])
        self.assertTrue(output.endswith("\n0 passed, 1 failed\n"), output)

    def test_code_for_every_cpu_passes(self):
        self.assert_passes("float Twice(float x) { return x + x; }")

    def test_a_kernel_in_its_namespace_passes(self):
        self.assert_passes("""
            #include "kernels/simd/avx512_target.h"
            HONE_BEGIN_AVX512
            namespace hone::avx512 {
            namespace { __attribute__((noinline)) void Fill(float* to) { _mm512_storeu_ps(to, _mm512_set1_ps(*to)); } }
            template <typename T> __attribute__((noinline)) void FillBoth(T* to) { Fill(to); Fill(to + 16); }
            void Run(float* to) { FillBoth(to); }
            }
            HONE_END_AVX512
            void (*Table())(float*) { return hone::avx512::Run; }""")

    def test_a_table_inside_the_region_is_found(self):
        # The compiler puts pointers together in a vector register.
        self.assert_finds("hone::Table()", """
            #include "kernels/simd/avx512_target.h"
            HONE_BEGIN_AVX512
            namespace hone {
            void Run(float*) {}
            void Rest(float*) {}
            struct Functions { void (*one)(float*), (*other)(float*), (*third)(float*), (*fourth)(float*); };
            Functions Table() { return {Run, Rest, Run, Rest}; }
            }
            HONE_END_AVX512""")

    def test_an_inline_function_of_a_header_is_found(self):
        # The whole file is compiled for more: so is its copy of the library's function.
        self.assert_finds("float const& std::max<float>(", """
            #include <algorithm>
            namespace hone::avx512 { float Most(float a, float b) { return std::max(a, b); } }""", "-O0", "-mavx2")

    def test_a_namespace_in_a_template_argument_does_not_count(self):
        self.assert_finds("float hone::Generic<hone::avx512::Tag>(", """
            #include "kernels/simd/avx512_target.h"
            namespace hone::avx512 { struct Tag {}; }
            HONE_BEGIN_AVX512
            namespace hone {
            template <typename T> __attribute__((noinline)) float Generic(T, const float* from) {
                return _mm512_reduce_add_ps(_mm512_loadu_ps(from));
            }
            float Use(const float* from);
            namespace avx512 { float Use(const float* from) { return Generic(Tag(), from); } }
            }
            HONE_END_AVX512""")

    def test_instructions_of_every_kind_are_found(self):
        instructions = ("vaddps %xmm0, %xmm0, %xmm0", "kmovw %eax, %k1", "tilezero %tmm0", "shlx %eax, %eax, %eax",
                        "pshufb %xmm0, %xmm0", "popcntl %eax, %eax", "crc32l %eax, %eax", "roundps $0, %xmm0, %xmm0",
                        "pclmulqdq $0, %xmm0, %xmm0")
        status, output = self.run_check("".join(
            f'void Run{number}() {{ asm volatile("{text}"); }}\n' for number, text in enumerate(instructions)))
        self.assertEqual(status, 1)
        for number, text in enumerate(instructions):
            self.assertIn(f"some.o: Run{number}() ", output, text)

    def test_what_is_missing_is_no_success(self):
        for files in ([], [self.folder / "none.o"]):
            done = subprocess.run([sys.executable, ROOT / "tools/check_instructions.py", *files],
                                  capture_output=True, text=True, check=False)
            self.assertNotEqual(done.returncode, 0)


if __name__ == "__main__":
    unittest.main()
