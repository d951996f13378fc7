// Command check reads objects as JSON, one a line, and prints a line for each fault that kube-apiserver would find in a new object: fields
// it does not know, values it does not take, and pods that the standard restricted does not admit. It runs Kubernetes' own code for that,
// without the server, so it is built in minutes less. Its exit code is 1 if there was a fault.
package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/validation/field"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	podutil "k8s.io/kubernetes/pkg/api/pod"
	"k8s.io/kubernetes/pkg/apis/apps"
	_ "k8s.io/kubernetes/pkg/apis/apps/install"
	appsvalidation "k8s.io/kubernetes/pkg/apis/apps/validation"
	"k8s.io/kubernetes/pkg/apis/autoscaling"
	_ "k8s.io/kubernetes/pkg/apis/autoscaling/install"
	autoscalingvalidation "k8s.io/kubernetes/pkg/apis/autoscaling/validation"
	"k8s.io/kubernetes/pkg/apis/core"
	_ "k8s.io/kubernetes/pkg/apis/core/install"
	corevalidation "k8s.io/kubernetes/pkg/apis/core/validation"
	"k8s.io/kubernetes/pkg/apis/networking"
	_ "k8s.io/kubernetes/pkg/apis/networking/install"
	networkingvalidation "k8s.io/kubernetes/pkg/apis/networking/validation"
	"k8s.io/kubernetes/pkg/apis/policy"
	_ "k8s.io/kubernetes/pkg/apis/policy/install"
	policyvalidation "k8s.io/kubernetes/pkg/apis/policy/validation"
	security "k8s.io/pod-security-admission/api"
	standards "k8s.io/pod-security-admission/policy"
)

// The largest object.
const largest = 16 << 20

// faults returns the faults of one object of the internal version.
func faults(object runtime.Object) (field.ErrorList, []string) {
	switch object := object.(type) {
	case *core.ConfigMap:
		return corevalidation.ValidateConfigMap(object), nil
	case *core.Pod:
		podutil.DropDisabledPodFields(object, nil)
		options := podutil.GetValidationOptionsFromPodSpecAndMeta(&object.Spec, nil, &object.ObjectMeta, nil)
		return corevalidation.ValidatePodCreate(object, options), podutil.GetWarningsForPod(context.Background(), object, nil)
	case *core.Service:
		// The server's storage does this before it validates.
		if object.Spec.ClusterIP != "" && len(object.Spec.ClusterIPs) == 0 {
			object.Spec.ClusterIPs = []string{object.Spec.ClusterIP}
		}
		return corevalidation.ValidateServiceCreate(object), nil
	case *core.ServiceAccount:
		return corevalidation.ValidateServiceAccount(object), nil
	case *apps.Deployment:
		podutil.DropDisabledTemplateFields(&object.Spec.Template, nil)
		options := podutil.GetValidationOptionsFromPodTemplate(&object.Spec.Template, nil)
		return appsvalidation.ValidateDeployment(object, options), nil
	case *apps.StatefulSet:
		podutil.DropDisabledTemplateFields(&object.Spec.Template, nil)
		options := podutil.GetValidationOptionsFromPodTemplate(&object.Spec.Template, nil)
		return appsvalidation.ValidateStatefulSet(object, options), nil
	case *autoscaling.HorizontalPodAutoscaler:
		options := autoscalingvalidation.HorizontalPodAutoscalerSpecValidationOptions{MinReplicasLowerBound: 1}
		return autoscalingvalidation.ValidateHorizontalPodAutoscaler(object, options), nil
	case *networking.NetworkPolicy:
		return networkingvalidation.ValidateNetworkPolicy(object, networkingvalidation.NetworkPolicyValidationOptions{}), nil
	case *policy.PodDisruptionBudget:
		return policyvalidation.ValidatePodDisruptionBudget(object, policyvalidation.PodDisruptionBudgetValidationOptions{}), nil
	default:
		return nil, []string{fmt.Sprintf("%T is not known here", object)}
	}
}

// pod returns the pod of a versioned object, if it has one.
func pod(object runtime.Object) (*metav1.ObjectMeta, *corev1.PodSpec) {
	switch object := object.(type) {
	case *corev1.Pod:
		return &object.ObjectMeta, &object.Spec
	case *appsv1.Deployment:
		return &object.Spec.Template.ObjectMeta, &object.Spec.Template.Spec
	case *appsv1.StatefulSet:
		return &object.Spec.Template.ObjectMeta, &object.Spec.Template.Spec
	default:
		return nil, nil
	}
}

func main() {
	if err := utilfeature.DefaultMutableFeatureGate.Set("ImageVolume=true"); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	restricted, err := standards.NewEvaluator(standards.DefaultChecks())
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	level := security.LevelVersion{Level: security.LevelRestricted, Version: security.LatestVersion()}
	codecs := serializer.NewCodecFactory(legacyscheme.Scheme, serializer.EnableStrict)
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, largest)
	failed := false
	say := func(name string, fault any) {
		failed = true
		fmt.Printf("%s: %v\n", name, fault)
	}
	for lines.Scan() {
		text := lines.Bytes()
		versioned, kind, err := codecs.UniversalDeserializer().Decode(text, nil, nil)
		if err != nil {
			say("an object", err)
			continue
		}
		if meta, spec := pod(versioned); spec != nil {
			if result := standards.AggregateCheckResults(restricted.EvaluatePod(level, meta, spec)); !result.Allowed {
				say(kind.Kind, "violates restricted: "+result.ForbiddenDetail())
			}
		}
		internal, err := runtime.Decode(codecs.UniversalDecoder(), text)
		if err != nil {
			say(kind.Kind, err)
			continue
		}
		found, warnings := faults(internal)
		for _, fault := range found {
			say(kind.Kind, fault)
		}
		for _, warning := range warnings {
			say(kind.Kind, "warning: "+strings.TrimSpace(warning))
		}
	}
	if err := lines.Err(); err != nil {
		say("the input", err)
	}
	if failed {
		os.Exit(1)
	}
}
