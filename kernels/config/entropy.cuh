constexpr int kThreads = 256;
constexpr int kSharedBytes = 32;
