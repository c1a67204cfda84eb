using Elem = fc::Half;
using Global = fc::Half;
constexpr int kHeadSize = 64;
constexpr int kVector = 8;
constexpr bool kGiven = false;
constexpr int kThreads = 128;
