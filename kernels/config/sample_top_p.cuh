using X = float;
constexpr int kThreads = 1024;
constexpr int kSharedBytes = 16928;
