#include "tests/amx/emulator.hpp"

#include <immintrin.h>
#include <signal.h>
#include <ucontext.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

namespace berth::test {

namespace {

// What XSAVE keeps for a thread on a CPU with AMX.
struct TileState {
  bool configured = false;
  Tile tiles[8];
};
thread_local TileState state;

// Only what may be called in a signal handler.
template <std::size_t size>
[[noreturn]] void fail(const char (&message)[size]) noexcept {
  static_cast<void>(!write(STDERR_FILENO, message, size - 1));
  std::_Exit(1);
}

const long long* general_register(const ucontext_t& context, unsigned number) noexcept {
  static constexpr int kPlaces[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                                      REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
  return &context.uc_mcontext.gregs[kPlaces[number]];
}

// The operands of a VEX-encoded instruction of the map 0F38.
struct Instruction {
  unsigned prefix;  // pp: 0 none, 1 66, 2 F3, 3 F2
  unsigned opcode;
  unsigned reg;           // ModRM.reg
  unsigned second;        // VEX.vvvv
  bool in_memory;         // otherwise `rm` names a register
  unsigned rm;            // ModRM.rm, when a register
  unsigned char* base;    // when in memory: base + displacement, and the index scaled, which sibmem takes for the stride
  std::ptrdiff_t stride;  // 0 without an index
  std::size_t length;     // bytes
};

template <class T>
T read(const unsigned char* from) noexcept {
  T value;
  std::memcpy(&value, from, sizeof(value));
  return value;
}

// False: no such instruction.
bool decode(const unsigned char* ip, const ucontext_t& context, Instruction& to) noexcept {
  if (ip[0] != 0xc4 || (ip[1] & 0x1f) != 2 || (ip[2] & 0x84) != 0) return false;  // three bytes of VEX, map 0F38, W0, 128 bits
  const unsigned index_high = (ip[1] & 0x40) != 0 ? 0 : 8;
  const unsigned base_high = (ip[1] & 0x20) != 0 ? 0 : 8;
  to.prefix = ip[2] & 3U;
  to.second = ~(static_cast<unsigned>(ip[2]) >> 3) & 15U;
  to.opcode = ip[3];
  const unsigned mod = ip[4] >> 6;
  const unsigned rm = ip[4] & 7U;
  to.reg = ip[4] >> 3 & 7U;
  to.in_memory = mod != 3;
  to.rm = rm;
  to.base = nullptr;
  to.stride = 0;
  to.length = 5;
  if (!to.in_memory) return true;

  long long address = 0;
  bool relative = false;
  bool no_base = false;
  if (rm == 4) {
    const unsigned sib = ip[to.length++];
    const unsigned index = (sib >> 3 & 7U) | index_high;
    if (index != 4) to.stride = *general_register(context, index) * (1LL << (sib >> 6));
    no_base = (sib & 7U) == 5 && mod == 0;
    if (!no_base) address = *general_register(context, (sib & 7U) | base_high);
  } else if (rm == 5 && mod == 0) {
    relative = true;
  } else {
    address = *general_register(context, rm | base_high);
  }
  if (mod == 1) {
    address += read<std::int8_t>(ip + to.length);
    to.length += 1;
  } else if (mod == 2 || relative || no_base) {
    address += read<std::int32_t>(ip + to.length);
    to.length += 4;
  }
  if (relative) address += reinterpret_cast<long long>(ip + to.length);
  std::memcpy(&to.base, &address, sizeof(to.base));
  return true;
}

Tile& tile(unsigned number) noexcept {
  if (!state.configured) fail("AMX emulator: a tile is used without a configuration\n");
  return state.tiles[number];
}

void configure(const unsigned char* bytes) noexcept {
  bool supported = bytes[0] == 1;
  for (int i = 1; i < 16; ++i) supported = supported && bytes[i] == 0;
  for (int i = 0; i < 8; ++i) supported = supported && read<std::uint16_t>(bytes + 16 + 2 * i) == 64 && bytes[48 + i] == 16;
  if (!supported) fail("AMX emulator: a configuration other than eight whole tiles\n");
  state.configured = true;
  std::memset(state.tiles, 0, sizeof(state.tiles));
}

// A CPU refuses a product whose tiles are not three.
bool are_three_tiles(const Instruction& i) noexcept { return i.reg != i.rm && i.reg != i.second && i.rm != i.second && i.second < 8; }

// False: not one of AMX, one that a CPU refuses, or one that the kernels have no use for.
bool run(const Instruction& i) noexcept {
  enum Prefix : unsigned { none, x66, xf3, xf2 };
  switch (i.opcode) {
    case 0x49:
      if (i.prefix == none && i.in_memory && i.reg == 0) return configure(i.base), true;                          // LDTILECFG
      if (i.prefix == none && !i.in_memory && i.reg == 0 && i.rm == 0) return state.configured = false, true;     // TILERELEASE
      if (i.prefix == xf2 && !i.in_memory && i.rm == 0) return std::memset(&tile(i.reg), 0, sizeof(Tile)), true;  // TILEZERO
      return false;
    case 0x4b:
      if (!i.in_memory || i.prefix == none) return false;
      for (int row = 0; row < 16; ++row) {
        unsigned char* const at = i.base + row * i.stride;
        unsigned char* const own = tile(i.reg).rows[row];
        i.prefix == xf3 ? std::memcpy(at, own, 64) : std::memcpy(own, at, 64);  // TILESTORED; TILELOADD and TILELOADDT1
      }
      return true;
    case 0x5c:
      if (i.in_memory || i.prefix != xf3 || !are_three_tiles(i)) return false;
      return multiply_bf16(tile(i.reg), tile(i.rm), tile(i.second)), true;  // TDPBF16PS
    case 0x5e:
      if (i.in_memory || i.prefix != xf2 || !are_three_tiles(i)) return false;
      return multiply_s8(tile(i.reg), tile(i.rm), tile(i.second)), true;  // TDPBSSD
    default: return false;
  }
}

// What Amx::set_apart puts between tile instructions.
bool is_nop(const unsigned char* ip) noexcept { return ip[0] == 0x66 && ip[1] == 0x0f && ip[2] == 0x1f && ip[3] == 0x84 && ip[4] == 0; }

void on_illegal_instruction(int signal, siginfo_t*, void* context) {
  auto& interrupted = *static_cast<ucontext_t*>(context);
  const auto* ip = reinterpret_cast<const unsigned char*>(interrupted.uc_mcontext.gregs[REG_RIP]);
  const unsigned char* const first = ip;
  Instruction instruction{};
  while (decode(ip, interrupted, instruction) && run(instruction)) {  // those right behind it, too: coming here takes longer than what is done here
    ip += instruction.length;
    while (is_nop(ip)) ip += 9;
  }
  if (ip == first) ::signal(signal, SIG_DFL);  // the instruction comes again, and ends the process as it would have
  interrupted.uc_mcontext.gregs[REG_RIP] = reinterpret_cast<greg_t>(ip);
}

}  // namespace

void multiply_s8(Tile& c, const Tile& a, const Tile& b) noexcept {
  __m512i sums[16];
  for (int m = 0; m < 16; ++m) sums[m] = _mm512_load_si512(c.rows[m]);
  for (int k = 0; k < 16; ++k) {
    const __m512i quads = _mm512_load_si512(b.rows[k]);
    const __m512i weights[4] = {_mm512_srai_epi32(_mm512_slli_epi32(quads, 24), 24), _mm512_srai_epi32(_mm512_slli_epi32(quads, 16), 24),
                                _mm512_srai_epi32(_mm512_slli_epi32(quads, 8), 24), _mm512_srai_epi32(quads, 24)};
    for (int m = 0; m < 16; ++m)
      for (int i = 0; i < 4; ++i)
        sums[m] = _mm512_add_epi32(sums[m], _mm512_mullo_epi32(_mm512_set1_epi32(read<std::int8_t>(&a.rows[m][4 * k + i])), weights[i]));
  }
  for (int m = 0; m < 16; ++m) _mm512_store_si512(c.rows[m], sums[m]);
}

void multiply_bf16(Tile& c, const Tile& a, const Tile& b) noexcept {
  const unsigned saved = _mm_getcsr();
  _mm_setcsr(0x9fc0);             // no exceptions, denormal values are zero, results are flushed, to nearest
  asm volatile("" ::: "memory");  // nothing below is computed before
  for (int m = 0; m < 16; ++m) {
    __m512 even = _mm512_setzero_ps();
    __m512 odd = _mm512_setzero_ps();
    for (int k = 0; k < 16; ++k) {
      const std::uint32_t pair = read<std::uint32_t>(&a.rows[m][4 * k]);
      const __m512i weights = _mm512_load_si512(b.rows[k]);
      even = _mm512_fmadd_ps(_mm512_castsi512_ps(_mm512_set1_epi32(static_cast<int>(pair << 16))), _mm512_castsi512_ps(_mm512_slli_epi32(weights, 16)), even);
      odd = _mm512_fmadd_ps(_mm512_castsi512_ps(_mm512_set1_epi32(static_cast<int>(pair & 0xffff0000U))),
                            _mm512_castsi512_ps(_mm512_and_si512(weights, _mm512_set1_epi32(static_cast<int>(0xffff0000U)))), odd);
    }
    float* const sums = reinterpret_cast<float*>(c.rows[m]);
    _mm512_store_ps(sums, _mm512_add_ps(_mm512_load_ps(sums), _mm512_add_ps(even, odd)));
  }
  asm volatile("" ::: "memory");
  _mm_setcsr(saved);
}

void emulate_amx() {
  struct sigaction action {};
  action.sa_sigaction = on_illegal_instruction;
  action.sa_flags = SA_SIGINFO | SA_NODEFER;
  if (sigaction(SIGILL, &action, nullptr) != 0) fail("AMX emulator: sigaction failed\n");
}

}  // namespace berth::test
