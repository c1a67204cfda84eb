constexpr int kThreads = 1024;
constexpr int kItems = 1;
constexpr int kSharedBytes = 3344;
