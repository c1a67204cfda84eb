constexpr int kThreads = 256;
constexpr int kItems = 4;
constexpr int kSharedBytes = 6448;
