using Unit = uint4;
constexpr int kThreads = 128;
constexpr int kRowThreads = 128;
constexpr int kRows = 2;
