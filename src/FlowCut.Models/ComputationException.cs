namespace FlowCut.Models;

/// <summary>The work itself failed: a score or logit is not a number, say. The message names the layer. The command line turns it into exit status 1.</summary>
public sealed class ComputationException(string message) : Exception(message);
