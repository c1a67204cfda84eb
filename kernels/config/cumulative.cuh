constexpr int kThreads = 256;
