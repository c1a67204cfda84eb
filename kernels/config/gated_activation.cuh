using X = fc::Half;
using Y = fc::Half;
constexpr fc::Activation kActivation = fc::Activation::kSilu;
constexpr int kVector = 8;
constexpr int kThreads = 128;
constexpr int kRowThreads = 128;
constexpr int kRows = 2;
